// The login method `aws` of HashiCorp Vault as a plugin for OpenBao, which has none built in. What is built of it is for tests.
package main

import (
	"context"
	"os"

	awsauth "github.com/hashicorp/vault/builtin/credential/aws"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/plugin"
	"github.com/hashicorp/vault/sdk/rotation"
)

// OpenBao rotates no credentials of a method by a schedule, which the method asks it to end at every write of its config.
type server struct{ logical.SystemView }

func (server) DeregisterRotationJob(context.Context, *rotation.RotationJobDeregisterRequest) error {
	return nil
}

func factory(ctx context.Context, config *logical.BackendConfig) (logical.Backend, error) {
	config.System = server{config.System}
	return awsauth.Factory(ctx, config)
}

func main() {
	if plugin.ServeMultiplex(&plugin.ServeOpts{BackendFactoryFunc: factory}) != nil {
		os.Exit(1)
	}
}
