// println of a PrintWriter with autoflush, as in the Java tutorial. Nothing calls close.
import java.io.*;
import java.net.*;

class Echo {
    static void handle(Socket client) {
        try {
            var in = new BufferedReader(new InputStreamReader(client.getInputStream()));
            var out = new PrintWriter(client.getOutputStream(), true);
            for (String line; (line = in.readLine()) != null; ) {
                out.println(line); // reply
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
