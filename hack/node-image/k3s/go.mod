module k3eks/node

go 1.24
