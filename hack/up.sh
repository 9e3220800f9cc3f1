#!/usr/bin/env bash
# `make up`: everything set up, a management cluster with the operator, and the sample cluster made by it (SAMPLE=no: without).
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

name=${K3EKS_NAME:-k3eks} SAMPLE=${SAMPLE:-yes}
"$ROOT/hack/setup.sh" up
"$ROOT/hack/management.sh" up "$name"
export KUBECONFIG=$ROOT/.k3eks/$name.kubeconfig
child=$ROOT/.k3eks/demo.kubeconfig

follow() { # shows each change of the clusters' and node groups' state until all are Ready
  local deadline=$((SECONDS + 180)) before='' now ready='{.status.conditions[?(@.type=="Ready")]'
  while ((SECONDS < deadline)); do
    # Of each, whether it is Ready, and the words for people.
    now=$(kubectl get eks,ng -o "jsonpath={range .items[*]}$ready.status}|  {.kind} {.metadata.name}: {.status.phase} - $ready.message}{\"\\n\"}{end}")
    diff <(echo "$before") <(echo "$now") | sed -n 's/^> [A-Za-z]*|//p' || true
    before=$now
    [ -z "$now" ] || grep -qv '^True|' <<<"$now" || return 0
    sleep 0.5
  done
  return 1
}

sample() {
  local begun=$SECONDS
  kubectl apply -f "$ROOT/config/samples/"
  follow || die "the sample cluster isn't Ready after 180 s: kubectl -n k3eks-system logs deploy/k3eks"
  echo "Cluster demo with its node groups is Ready after $((SECONDS - begun)) s"
  kubectl get secret demo-kubeconfig -o 'jsonpath={.data.value}' | base64 -d | private "$child"
  kubectl --kubeconfig "$child" apply -f "$ROOT/config/samples/workload/"
  step "Running the sample workload on two nodes" kubectl --kubeconfig "$child" wait --for=condition=Complete job/hello-check --timeout=120s
  kubectl get eks,ng
  kubectl --kubeconfig "$child" get nodes,pods -o wide
}

# Whether the sample cluster keeps what it promises on this machine. What doesn't hold is shown with what to do.
verified() {
  command -v k3eks >/dev/null || return 0
  echo
  # shellcheck source=/dev/null
  (source "$ROOT/.k3eks/$name.env" && k3eks verify demo)
}

next() {
  cat <<EOF

Next:
  export KUBECONFIG=$KUBECONFIG PATH=$K3EKS_BIN_DIR:\$PATH
  source $ROOT/.k3eks/$name.env
  open http://127.0.0.1:${K3EKS_API_PORT:-4566}/_k3eks/ (the console page)
EOF
  ! command -v k3eks >/dev/null || echo "  k3eks status"
  [ "$SAMPLE" = no ] && echo "  kubectl apply -f $ROOT/config/samples/" || cat <<EOF
  kubectl scale ng demo-workers --replicas 3
  aws eks list-clusters
  aws eks update-kubeconfig --name demo --kubeconfig $child.aws && kubectl --kubeconfig $child.aws get nodes
  kubectl --kubeconfig $child get nodes
EOF
  echo "  make down"
}

status=0
if [ "$SAMPLE" != no ]; then
  sample
  verified || status=1
fi
next
exit "$status"
