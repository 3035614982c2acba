# One of three nodes of docker-compose.vault.prod.yml, which says by variables which one it is
# (BAO_RAFT_NODE_ID, BAO_API_ADDR, BAO_CLUSTER_ADDR). Each asks the others to let it join.

cluster_name = "shop"
ui           = true

storage "raft" {
  path = "/openbao/file"
  retry_join {
    leader_api_addr     = "https://vault-1:8200"
    leader_ca_cert_file = "/run/secrets/ca.crt"
  }
  retry_join {
    leader_api_addr     = "https://vault-2:8200"
    leader_ca_cert_file = "/run/secrets/ca.crt"
  }
  retry_join {
    leader_api_addr     = "https://vault-3:8200"
    leader_ca_cert_file = "/run/secrets/ca.crt"
  }
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file   = "/run/secrets/server.crt"
  tls_key_file    = "/run/secrets/server.key"
  tls_min_version = "tls12"
}

# With the messages of the container: `docker compose logs`, which keeps as much as `logging` says.
audit "file" "file" {
  description = "Every request and answer, with keyed hashes in the place of values."
  options {
    file_path = "stdout"
  }
}

default_lease_ttl = "24h"
max_lease_ttl     = "768h"
