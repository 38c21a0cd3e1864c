"""The one place where the version is written: hak_version() and //:dist."""

HAKMEM_VERSION = "0.1.0"
