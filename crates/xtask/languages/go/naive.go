// fmt.Fprintln. Nothing calls close.
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
)

func handle(conn net.Conn) {
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		fmt.Fprintln(conn, lines.Text()) // reply
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
