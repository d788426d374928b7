module kube-lego.io/deploy/local/tools/key-pairs

go 1.26.0
