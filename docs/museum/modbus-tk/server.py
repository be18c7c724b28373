from modbus_tk import defines, modbus_tcp

server = modbus_tcp.TcpServer(port=3000, address="127.0.0.1")
server.add_slave(1).add_block("a", defines.HOLDING_REGISTERS, 0, 10)
server.start()
