// Two writes, since a Scanner gives a line without its newline. Nothing calls close.
package main

import (
	"bufio"
	"log"
	"net"
	"os"
)

func handle(conn net.Conn) {
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		conn.Write(lines.Bytes()) // reply
		conn.Write([]byte("\n"))  // reply
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
