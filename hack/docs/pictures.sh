#!/usr/bin/env bash
# pictures.sh: makes the pictures of the documents anew, from a k3eks that runs: after `make up SAMPLE=no`, in a shell with the
# variables that it names. Makes the clusters `demo` and `web` and deletes them again.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"

cd "$ROOT"
: "${KUBECONFIG:?set it to what make up says}" "${AWS_ENDPOINT_URL:?source .k3eks/k3eks.env}"
folder=$(python_with hack/docs/requirements.txt "what makes pictures")
export PATH=$folder/bin:$PATH
browser
trap 'kubectl delete eks demo web --ignore-not-found' EXIT

hack/docs/terminal.py docs/images/terminal.svg \
  'kubectl apply -f config/samples/' \
  'k3eks status --watch     # until all are Active' \
  'k3eks kubeconfig demo > demo.kubeconfig' \
  'kubectl --kubeconfig demo.kubeconfig get nodes' \
  'aws eks list-clusters --output text'
rm -f demo.kubeconfig
aws eks create-cluster --name web --role-arn arn:aws:iam::000000000000:role/eks --resources-vpc-config '{}' >/dev/null
kubectl wait --for=condition=Ready eks/demo eks/web --timeout=3m
hack/docs/screenshot.py "$AWS_ENDPOINT_URL" docs/images
