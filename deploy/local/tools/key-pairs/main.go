// Load-key-pairs says which key pairs a server written in Go can load, for the tests of kube-lego's own reader.
//
// Each line of standard input is {"chain": PEM, "key": PEM} as JSON with both in base64; each line of standard output is the
// error of tls.X509KeyPair as a JSON string, empty if there is none.
package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
)

type keyPair struct {
	Chain []byte `json:"chain"`
	Key   []byte `json:"key"`
}

func main() {
	input := json.NewDecoder(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		var pair keyPair
		if err := input.Decode(&pair); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		refusal := ""
		if _, err := tls.X509KeyPair(pair.Chain, pair.Key); err != nil {
			refusal = err.Error()
		}
		if err := output.Encode(refusal); err != nil {
			log.Fatal(err)
		}
	}
}
