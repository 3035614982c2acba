// Kubernetes' own API server without the parts for workloads: namespaces, secrets, service accounts and their tokens, RBAC,
// watches. It builds in a third of the time of the whole kube-apiserver, from the same packages.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/pkg/controlplane/apiserver/samples/generic/server"
)

func main() { os.Exit(cli.Run(server.NewCommand())) }
