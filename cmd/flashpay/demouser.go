package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"flashpay/internal/access"
	"flashpay/internal/staff"
	"flashpay/internal/store/people"
)

// How the demo's people sign in to Dashboard. Nothing hangs on it: the demo listens on loopback and moves no money.
const (
	demoPassword = "try every button once"
	demoSecret   = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

// demoUsers are two of the platform and two of the demo's merchant: what one of them asks for, the other can confirm.
func demoUsers() []staff.User {
	return []staff.User{
		{Email: "operator@demo.example", Name: "Omurbek, operator", Roles: []staff.Role{staff.Operator}, Zone: "Asia/Bishkek"},
		{Email: "operator2@demo.example", Name: "Meerim, second operator", Roles: []staff.Role{staff.Operator}, Zone: "Asia/Bishkek"},
		{MerchantID: demoMerchant, Email: "admin@demo.example", Name: "Aida, merchant admin", Roles: []staff.Role{staff.MerchantAdmin}, AllProjects: true, Zone: "Asia/Bishkek"},
		{MerchantID: demoMerchant, Email: "clerk@demo.example", Name: "Nurlan, clerk", Roles: []staff.Role{staff.Operations}, AllProjects: true, Zone: "Asia/Bishkek"},
	}
}

// ensureDemoUsers makes the demo's people where they are not there yet.
func ensureDemoUsers(ctx context.Context, users *access.Service) error {
	for _, u := range demoUsers() {
		err := users.CreateReady(ctx, &u, demoPassword, demoSecret, "demo")
		if err != nil && !errors.Is(err, people.ErrUserExists) {
			return err
		}
	}
	return nil
}

// demoPeople lists them for the welcome.
func demoPeople() string {
	var b strings.Builder
	for _, u := range demoUsers() {
		fmt.Fprintf(&b, "    %-20s%s\n", "", u.Email)
	}
	return b.String()
}

// printCodes prints a code at each line of input. Each code works once; asked again within its half minute, the next one
// is printed, which is taken as well.
func printCodes(a *app) {
	var last string
	for lines := bufio.NewScanner(a.stdin); lines.Scan(); {
		now := time.Now()
		code, err := access.Code(demoSecret, now)
		if err == nil && code == last {
			code, err = access.Code(demoSecret, now.Add(30*time.Second))
		}
		if err != nil {
			return
		}
		last = code
		_, _ = fmt.Fprintf(a.stdout, "Code: %s\n", code)
	}
}
