package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// certificate carries out `k3s certificate rotate` and `rotate-ca`. What they do counts from the servers' next start on.
func certificate(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: k3s certificate rotate | rotate-ca --path FOLDER [--server URL] [--force]")
	}
	switch args[0] {
	case "rotate":
		// Every start makes the certificates anew.
		return nil
	case "rotate-ca":
		options := flag.NewFlagSet("rotate-ca", flag.ContinueOnError)
		path := options.String("path", "", "folder with tls/server-ca.crt and tls/server-ca.key")
		server := options.String("server", os.Getenv("K3S_URL"), "server that puts them into the datastore")
		force := options.Bool("force", false, "also where the present authority doesn't vouch for the new one")
		if err := options.Parse(args[1:]); err != nil {
			return err
		}
		if *server == "" {
			*server = "https://127.0.0.1:6443"
		}
		files, err := onDisk(filepath.Join(*path, "tls"))
		if err != nil {
			return err
		}
		text, err := json.Marshal(files)
		if err != nil {
			return err
		}
		joined, err := url.Parse(*server)
		if err != nil {
			return err
		}
		token := os.Getenv("K3S_TOKEN")
		at := fmt.Sprintf("https://%s:%s/cacerts?force=%t", joined.Hostname(), supervisorPort, *force)
		if _, err := call(http.MethodPut, at, token, &tls.Config{InsecureSkipVerify: true}, text); err != nil {
			return fmt.Errorf("see server log for details: %w", err)
		}
		fmt.Println("certificates saved to datastore")
		return nil
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// replace puts other authorities into the datastore; servers take them from there when they start.
func (n *node) replace(text []byte, force bool) error {
	files := map[string]kept{}
	if err := json.Unmarshal(text, &files); err != nil {
		return err
	}
	next, err := parseAuthority(files["server-ca.crt"].Content, files["server-ca.key"].Content)
	if err != nil {
		return err
	}
	if err := vouched(next); err != nil && !force {
		return err
	}
	now, err := onDisk(tlsDir)
	if err != nil {
		return err
	}
	for _, name := range []string{"server-ca.crt", "server-ca.key"} {
		now[name] = files[name]
	}
	return n.store(now)
}

// vouched says whether those who trust the present authorities would trust the next one.
func vouched(next *authority) error {
	now, err := os.ReadFile(filepath.Join(tlsDir, "server-ca.crt"))
	if err != nil {
		return err
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	count := 0
	for block, rest := pem.Decode(now); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			roots.AddCert(cert)
		}
	}
	for block, rest := pem.Decode(next.pem); block != nil; block, rest = pem.Decode(rest) {
		count++
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			between.AddCert(cert)
		}
	}
	if count == 1 {
		return errors.New("the new bundle has but one certificate; --force takes it all the same")
	}
	_, err = next.cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}
