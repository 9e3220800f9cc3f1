package main

import (
	"errors"
	"os"
)

const (
	kineDatabase = dataDir + "/server/db/state.db"
	kineSocket   = dataDir + "/server/kine.sock"
)

// datastore starts what the API server keeps its state in, and says where that is: kine on sqlite for a server that is
// alone, etcd where there may be several.
func (n *node) datastore() (string, error) {
	// A server that was one of several, or that has been on etcd so far, stays there.
	if _, err := os.Stat(etcdData + "/member"); err == nil || n.clustered() {
		if _, err := os.Stat(kineDatabase); err == nil {
			return "", errors.New("this server has its state in sqlite, and this node image can't move it to etcd: make the cluster anew")
		}
		arguments, err := n.etcdFlags()
		if err != nil {
			return "", err
		}
		supervisor.keep("etcd", arguments...)
		return etcdURL, nil
	}
	supervisor.keep("kine", "-database", kineDatabase, "-socket", kineSocket)
	return "unix://" + kineSocket, nil
}
