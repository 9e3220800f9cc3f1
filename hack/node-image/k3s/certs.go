package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const years = 10 * 365 * 24 * time.Hour

// authority signs the certificates of one cluster.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	// pem has the certificate that signs, then all others that are trusted.
	pem []byte
	// chain leads those who know an earlier authority to this one.
	chain []byte
}

func writePEM(name, kind string, der []byte) ([]byte, error) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return text, os.WriteFile(filepath.Join(tlsDir, name), text, 0o600)
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n
}

// loadAuthority reads an authority of the cluster, or makes it on the first start.
func loadAuthority(name string) (*authority, error) {
	certPath, keyPath := filepath.Join(tlsDir, name+".crt"), filepath.Join(tlsDir, name+".key")
	text, err := os.ReadFile(certPath)
	if err != nil {
		return newAuthority(name)
	}
	keyText, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, err
	}
	return parseAuthority(text, keyText)
}

// parseAuthority reads certificates of which the first has the key. Those of the same key that another one signed are its chain.
func parseAuthority(text, keyText []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(text, keyText)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key that can't sign")
	}
	a := &authority{cert: pair.Leaf, key: signer, pem: text}
	for _, der := range pair.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(cert.RawSubjectPublicKeyInfo, a.cert.RawSubjectPublicKeyInfo) && !bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			a.chain = append(a.chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
	}
	return a, nil
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: fmt.Sprintf("k3s-%s@%d", name, time.Now().Unix())},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(years), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if _, err := writePEM(name+".key", "EC PRIVATE KEY", keyDER); err != nil {
		return nil, err
	}
	text, err := writePEM(name+".crt", "CERTIFICATE", der)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert: cert, key: key, pem: text}, err
}

// issue writes NAME.crt and NAME.key. Certificates are made anew at every start: addresses may have changed.
func (a *authority) issue(name, user, group string, names []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: user},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(years),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if group != "" {
		template.Subject.Organization = []string{group}
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if _, err := writePEM(name+".key", "EC PRIVATE KEY", keyDER); err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), a.chain...)
	return os.WriteFile(filepath.Join(tlsDir, name+".crt"), text, 0o600)
}

// signing writes the certificate that signs without those that are trusted beside it: the controller manager takes but one.
func (a *authority) signing() error {
	_, err := writePEM("signing-ca.crt", "CERTIFICATE", a.cert.Raw)
	return err
}

// serviceAccountKey makes the key that service account tokens are signed with, on the first start.
func serviceAccountKey() error {
	if _, err := os.Stat(filepath.Join(tlsDir, "sa.key")); err == nil {
		return nil
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	_, err = writePEM("sa.key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	return err
}

// kubeconfig writes a kubeconfig with the client certificate NAME.
func (a *authority) kubeconfig(path, server, name string) error {
	cert, err := os.ReadFile(filepath.Join(tlsDir, name+".crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(tlsDir, name+".key"))
	if err != nil {
		return err
	}
	b := base64.StdEncoding.EncodeToString
	user := fmt.Sprintf("client-certificate-data: %s, client-key-data: %s", b(cert), b(key))
	return writeKubeconfig(path, server, b(a.pem), user)
}

func writeKubeconfig(path, server, ca, user string) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: default
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: default
  user: {%s}
contexts:
- name: default
  context: {cluster: default, user: default}
current-context: default
`, server, ca, user)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
