package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// certificate carries out `k3s certificate rotate` and `rotate-ca`. What they do counts from the server's next start on.
func certificate(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: k3s certificate rotate | rotate-ca --path FOLDER [--force]")
	}
	switch args[0] {
	case "rotate":
		// Every start makes the certificates anew.
		return nil
	case "rotate-ca":
		options := flag.NewFlagSet("rotate-ca", flag.ContinueOnError)
		path := options.String("path", "", "folder with tls/server-ca.crt and tls/server-ca.key")
		force := options.Bool("force", false, "also where the present authority doesn't vouch for the new one")
		if err := options.Parse(args[1:]); err != nil {
			return err
		}
		return rotateAuthority(filepath.Join(*path, "tls"), *force)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func rotateAuthority(folder string, force bool) error {
	text, err := os.ReadFile(filepath.Join(folder, "server-ca.crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(folder, "server-ca.key"))
	if err != nil {
		return err
	}
	next, err := parseAuthority(text, key)
	if err != nil {
		return err
	}
	if err := vouched(next); err != nil && !force {
		return err
	}
	for name, content := range map[string][]byte{"server-ca.key": key, "server-ca.crt": text} {
		if err := os.WriteFile(filepath.Join(tlsDir, name), content, 0o600); err != nil {
			return err
		}
	}
	fmt.Println("certificates saved to datastore")
	return nil
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
