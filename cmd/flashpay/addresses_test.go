package main

import (
	"reflect"
	"strings"
	"testing"
)

// What is started with its defaults on one machine does not take each other's place.
func TestDefaultAddressesDiffer(t *testing.T) {
	taken := make(map[string]string)
	for name, command := range map[string]any{"serve": serveCmd{}, "bank": bankCmd{}, "listen": listenCmd{}} {
		of := reflect.TypeOf(command)
		for i := range of.NumField() {
			address, isDefault := of.Field(i).Tag.Lookup("default")
			if !isDefault || !strings.HasPrefix(address, "127.0.0.1:") {
				continue
			}
			what := name + " " + of.Field(i).Name
			if other := taken[address]; other != "" {
				t.Errorf("%s and %s both listen on %s", other, what, address)
			}
			taken[address] = what
		}
	}
	if len(taken) < 5 {
		t.Errorf("only %v", taken)
	}
}
