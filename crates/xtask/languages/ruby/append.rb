# <<, chained as on a string. Nothing calls close.
require "socket"

server = TCPServer.new(*ARGV[0].split(":"))
loop do
  Thread.start(server.accept) do |client|
    while line = client.gets&.chomp
      client << line << "\n" # reply
    end
  end
end
