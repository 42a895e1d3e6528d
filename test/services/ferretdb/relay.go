package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

/*
MongoDB wire message

	length     4 bytes, little endian, of the whole message
	requestID  4 bytes
	responseTo 4 bytes
	opCode     4 bytes  2013 OP_MSG
	flags      4 bytes  of OP_MSG; bit 1: moreToCome, there will be no answer
	…
*/
const (
	headerBytes     = 16
	opMsg           = 2013
	moreToCome      = 1 << 1
	maxMessageBytes = 48_000_000 // what servers announce as maxMessageSizeBytes
)

// FerretDB loses updates that run at the same time, so that one request is answered before the next one starts.
var oneAtATime sync.Mutex

// relay passes each connection on to the server at socket. When ctx ends it accepts no more and closes those it has.
func relay(ctx context.Context, listener net.Listener, socket string) {
	context.AfterFunc(ctx, func() { listener.Close() })
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go pass(ctx, client, socket)
	}
}

func pass(ctx context.Context, client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})()
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		answer, err := exchange(server, request)
		if err != nil {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

func exchange(server net.Conn, request []byte) ([]byte, error) {
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	if !wantsAnswer(request) {
		return nil, nil
	}
	return readMessage(server)
}

func wantsAnswer(request []byte) bool {
	isMessage := binary.LittleEndian.Uint32(request[12:]) == opMsg && len(request) >= headerBytes+4
	return !isMessage || binary.LittleEndian.Uint32(request[headerBytes:])&moreToCome == 0
}

func readMessage(from net.Conn) ([]byte, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length < headerBytes || length > maxMessageBytes {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}
	message := make([]byte, length)
	copy(message, header[:])
	_, err := io.ReadFull(from, message[headerBytes:])
	return message, err
}
