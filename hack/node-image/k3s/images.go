package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	imagesDir = "/opt/images"
	hostsDir  = "/etc/containerd/certs.d"
	// What is named there as the first place to ask for every image.
	imagesAddress = "127.0.0.1:6446"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// serveImages answers containerd's pulls of the images that nobody could pull elsewhere. A node takes but those that its
// pods need, when they need them; for all others containerd goes on to the registry itself.
func serveImages() {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v2/{path...}", func(answer http.ResponseWriter, request *http.Request) {
		path := request.PathValue("path")
		if path == "" {
			return
		}
		if name, digest, is := strings.Cut(path, "/blobs/"); is && name != "" {
			serveBlob(answer, request, descriptor{Digest: digest, MediaType: "application/octet-stream"})
			return
		}
		name, reference, is := strings.Cut(path, "/manifests/")
		manifest, err := find(request.FormValue("ns")+"/"+name, reference)
		if !is || err != nil {
			http.Error(answer, fmt.Sprint(err), http.StatusNotFound)
			return
		}
		serveBlob(answer, request, manifest)
	})
	server := http.Server{Addr: imagesAddress, Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	say("error", "serving images ended: "+server.ListenAndServe().Error())
}

// fetchImage takes an image before a pod needs it.
func fetchImage(name string) {
	until(200*time.Millisecond, func() error {
		return exec.Command("ctr", "-a", containerdSocket, "-n", "k8s.io", "images", "pull", "--hosts-dir", hostsDir, name).Run()
	})
}

// find looks up a tag, or a digest, among the images of the layout.
func find(name, reference string) (descriptor, error) {
	text, err := os.ReadFile(imagesDir + "/index.json")
	if err != nil {
		return descriptor{}, err
	}
	index := struct{ Manifests []descriptor }{}
	if err := json.Unmarshal(text, &index); err != nil {
		return descriptor{}, err
	}
	for _, m := range index.Manifests {
		known, tag, _ := cutLast(m.Annotations["org.opencontainers.image.ref.name"], ":")
		if known == name && (reference == tag || reference == m.Digest) {
			return m, nil
		}
	}
	return descriptor{}, fmt.Errorf("no image %s:%s here", name, reference)
}

func serveBlob(answer http.ResponseWriter, request *http.Request, blob descriptor) {
	kind, hex, _ := strings.Cut(blob.Digest, ":")
	path := filepath.Join(imagesDir, "blobs", filepath.Base(kind), filepath.Base(hex))
	answer.Header().Set("Content-Type", blob.MediaType)
	answer.Header().Set("Docker-Content-Digest", blob.Digest)
	http.ServeFile(answer, request, path)
}

func cutLast(text, separator string) (string, string, bool) {
	if at := strings.LastIndex(text, separator); at >= 0 {
		return text[:at], text[at+len(separator):], true
	}
	return text, "", false
}
