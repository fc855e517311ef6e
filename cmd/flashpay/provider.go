package main

import (
	"net/netip"
	"net/url"

	"flashpay/internal/provider"
	"flashpay/internal/provider/roster"
	"flashpay/internal/provider/sandbox"
)

// notificationPath is where Gate takes the sandbox's notifications.
const notificationPath = "/provider/" + sandbox.Name + "/notification"

// newSandbox makes the adapter to the simulated bank.
func (p *platform) newSandbox() (*sandbox.Adapter, error) {
	c := sandbox.Config{BankURL: p.bankURL(), NotifyURL: p.notificationURL()}
	if c.NotifyURL == "" {
		p.config.Logger.Warn("this node has no Gate, so results of test payouts come by inquiry, later: give --notification-url, Gate's address as the bank reaches it")
	} else {
		// Every node of the installation reads what was notified to any of them, also after a restart.
		c.NotifySecret = p.notificationSecret()
	}
	return sandbox.New(c)
}

// notificationSecret is what the simulated bank signs notifications with, the same on every node.
func (p *platform) notificationSecret() string { return p.store.Vault().Secret("sandbox notification") }

// installed are the providers of every installation. Test projects pay through the simulated bank; there is no provider for live
// ones yet.
var installed = roster.Roster{{Name: sandbox.Name, ID: sandbox.ID, Serves: roster.TestProjects}}

// providers are those, as this node calls them and takes their notifications.
func (p *platform) providers() roster.Roster {
	door := sandbox.Door(p.notificationSecret(), p.config.NotificationsFrom)
	return installed.With(sandbox.Name, func() (provider.Provider, error) { return p.newSandbox() }, &door)
}

// notificationURL is where the simulated bank posts results; empty where this node knows no Gate.
func (p *platform) notificationURL() string {
	c := p.config
	switch {
	case c.NotificationURL != "":
		return c.NotificationURL
	case c.Gate == nil:
		return ""
	}
	own := localURL(c.Gate.Addr())
	if onLoopback(own) && !onLoopback(p.bankURL()) {
		c.Logger.Warn("the simulated bank may not reach this address, then results come by inquiry, later: give --notification-url, Gate's address as the bank reaches it", "address", own, "bank", p.bankURL())
	}
	return own + notificationPath
}

// onLoopback tells whether an address is this machine's own.
func onLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback()
}
