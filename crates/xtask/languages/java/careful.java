// One write of the whole reply; the try statement closes the socket.
import java.io.*;
import java.net.*;

class Echo {
    static void handle(Socket client) {
        try (client) {
            var in = new BufferedReader(new InputStreamReader(client.getInputStream()));
            var out = client.getOutputStream();
            for (String line; (line = in.readLine()) != null; ) {
                out.write((line + "\n").getBytes()); // reply
            }
        } catch (IOException error) {
            System.err.println(error);
        }
    }

    public static void main(String[] arguments) throws IOException {
        String[] address = arguments[0].split(":");
        var server = new ServerSocket(Integer.parseInt(address[1]), 50, InetAddress.getByName(address[0]));
        while (true) {
            Socket client = server.accept();
            new Thread(() -> handle(client)).start();
        }
    }
}
