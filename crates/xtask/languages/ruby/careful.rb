# One write of the whole reply, and close.
require "socket"

server = TCPServer.new(*ARGV[0].split(":"))
loop do
  Thread.start(server.accept) do |client|
    while line = client.gets&.chomp
      client.write "#{line}\n" # reply
    end
  ensure
    client.close
  end
end
