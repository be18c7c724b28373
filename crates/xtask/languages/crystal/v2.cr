# << with one string. Nothing calls close.
require "socket"

def handle_client(client)
  puts "Connected client: #{client}"
  while message = client.gets
    puts "[#{client}] Message: #{message}"
    client << "#{message}\n" # reply
  end
end

host, port = ARGV[0].split(":")
server = TCPServer.new(host, port.to_i)
while client = server.accept?
  spawn handle_client(client)
end
