# An OpenBao server for real secrets: `bao server -config=/etc/openbao/production.hcl`.
# One node. Three or five of them, each with its own node_id and a retry_join stanza for each other
# one, survive the loss of one or two: https://openbao.org/docs/configuration/storage/raft
#
# HashiCorp Vault reads the same file with two differences. It passes the audit stanza over without a
# word: run `vault audit enable file file_path=/var/log/openbao/audit.log` once after the first
# unsealing. And 1.20 and later do not start unless the file says `disable_mlock = true` (then let the
# machine have no swap, or an encrypted one) or `false`.

cluster_name = "shop"
api_addr     = "https://vault.example.com:8200"
cluster_addr = "https://127.0.0.1:8201"
ui           = true

# The data, encrypted with a key that is only in memory while the server is unsealed.
storage "raft" {
  path    = "/var/lib/openbao"
  node_id = "shop-1"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "127.0.0.1:8201"
  tls_cert_file   = "/etc/openbao/tls/server.crt" # with the intermediate certificates after it
  tls_key_file    = "/etc/openbao/tls/server.key" # mode 0600, the server's own
  tls_min_version = "tls12"
}

# Who asked for what and when; values are in it as keyed hashes only. If the file cannot be written,
# the server refuses requests: watch the disk.
audit "file" "file" {
  description = "Every request and answer."
  options {
    file_path = "/var/log/openbao/audit.log"
    mode      = "0600"
  }
}

# Keeps the measurements of the last minutes, for `sys/metrics`, which needs a login.
telemetry {
  disable_hostname          = true
  prometheus_retention_time = "10m"
}

# A token lives no longer than this unless it is renewed.
default_lease_ttl = "24h"
max_lease_ttl     = "768h"
