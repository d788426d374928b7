// Holds the go.sum by which the downloads of `recipes` in tools.mjs are verified. It requires nothing: Gateway API 1.7 could
// only be required by Go 1.27, and is downloaded, not compiled.
module kube-lego.io/deploy/local/tools/gateway-api

go 1.26.0
