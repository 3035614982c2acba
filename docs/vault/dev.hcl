# What a server for development has besides its flags: an audit log among its messages. OpenBao takes audit devices from its
# configuration alone; HashiCorp Vault takes them by `vault audit enable`.
audit "file" "file" {
  description = "Every request and answer, with keyed hashes in the place of values."
  options {
    file_path = "stdout"
  }
}
