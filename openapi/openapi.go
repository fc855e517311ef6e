// Package openapi holds the descriptions of the platform's HTTP interfaces, written by hand, in OpenAPI 3.0.3. Servers
// serve them; tests check them against the field tables and against real answers.
package openapi

import _ "embed"

// Gate describes the interface that merchants' web services and providers talk to, as YAML.
//
//go:embed gate.yaml
var Gate []byte

// Data describes the interface from which merchants' programs read, as YAML.
//
//go:embed data.yaml
var Data []byte
