// fmt.Fprintln, and Close.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
)

func handle(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		_, err := fmt.Fprintln(conn, lines.Text()) // reply
		if err != nil {
			return
		}
	}
}

func main() {
	server, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		if conn, err := server.Accept(); err == nil {
			go handle(conn)
		}
	}
}
