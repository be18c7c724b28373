# puts, as in the example of TCPServer's documentation. Nothing calls close.
require "socket"

server = TCPServer.new(*ARGV[0].split(":"))
loop do
  Thread.start(server.accept) do |client|
    while line = client.gets&.chomp
      client.puts line # reply
    end
  end
end
