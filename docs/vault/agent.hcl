# `bao agent -config=/etc/openbao/agent.hcl`, on the bot's machine: logs in with the machine's own
# role, renews the token, and keeps the current one in a file that only this user can read.

vault {
  address = "https://vault.example.com:8200"
  ca_cert = "/etc/openbao/tls/ca.crt"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/openbao/shop-role-id"
      secret_id_file_path                 = "/etc/openbao/shop-secret-id"
      remove_secret_id_file_after_reading = false # it is read again when the machine restarts
    }
  }
  sink "file" {
    config = {
      path = "/run/openbao/shop-token"
      mode = 0600
    }
  }
}
