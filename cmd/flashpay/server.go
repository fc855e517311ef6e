package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// stopGrace is how long a server that was asked to stop may finish what runs.
const stopGrace = 10 * time.Second

// listen opens a TCP address; flag names it in errors.
func listen(flag, address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: cannot listen there: %w: give host:port, port 0 for a free one", flag, address, err)
	}
	return ln, nil
}

// localURL is where this machine reaches a listener: one on all addresses is reached on loopback.
func localURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// server is an HTTP server that runs.
type server struct {
	url  string
	http *http.Server
}

// startServer serves a listener with limits that keep a slow or greedy client from holding it. Where it stops by itself
// it says so on failed, once, which must have room.
func startServer(ln net.Listener, handler http.Handler, logger *slog.Logger, failed chan<- error) *server {
	s := &server{url: localURL(ln.Addr())}
	s.http = &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, DisableGeneralOptionsHandler: true, // each handler answers everything itself
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s.http.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelWarn)
	go func() {
		if err := s.http.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("server on %s: %w", s.url, err)
		}
	}()
	return s
}

// stop takes no more connections and waits for requests that run, until ctx ends; then it cuts them off.
func (s *server) stop(ctx context.Context) error {
	if s == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("server on %s: %w", s.url, err), s.http.Close())
	}
	return err
}

// withGrace is a context for stopping after ctx has ended.
func withGrace(ctx context.Context, grace time.Duration) context.Context {
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	context.AfterFunc(stopping, cancel)
	return stopping
}
