# puts, as in the sample of TCPServer's documentation. Nothing calls close.
require "socket"

def handle_client(client)
  puts "Connected client: #{client}"
  while message = client.gets
    puts "[#{client}] Message: #{message}"
    client.puts message # reply
  end
end

host, port = ARGV[0].split(":")
server = TCPServer.new(host, port.to_i)
while client = server.accept?
  spawn handle_client(client)
end
