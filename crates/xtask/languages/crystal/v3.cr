# << with one string, and close.
require "socket"

def log(message, src)
  puts "[#{Time.local}] [#{src}] #{message}"
end

def handle_client(client)
  log "Client is connected: #{client}", "server"
  while message = client.gets
    log "Message: #{message}", client
    client << "#{message}\n" # reply
  end
  log "Closing client's connection: #{client}", "server"
  client.close
end

host, port = ARGV[0].split(":")
server = TCPServer.new(host, port.to_i)
while client = server.accept?
  spawn handle_client(client)
end
