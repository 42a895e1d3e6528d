// Command ferretdb serves the MongoDB protocol on a loopback port, for tests: FerretDB over SQLite behind a relay that
// lets one request through at a time. It ends when its stdin does.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	port := flag.String("port", "", "loopback port to listen on")
	folder := flag.String("folder", "", "data folder")
	flag.Parse()
	if err := serve(*port, *folder); err != nil {
		log.Fatal(err)
	}
}

func serve(port, folder string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when our parent does
		stop()
	}()

	socket := filepath.Join(folder, "ferretdb.sock")
	_ = os.Remove(socket) // left behind by a kill
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: socket},
		Handler:   "sqlite",
		SQLiteURL: "file:" + folder + "/",
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	go relay(ctx, listener, socket)
	go cutCapped(ctx, "mongodb://127.0.0.1:"+port+"/")
	return server.Run(ctx)
}
