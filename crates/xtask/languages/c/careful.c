// writev: one call for both parts. fclose closes the socket.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

int main(int argc, char **argv) {
    int server = socket(AF_INET, SOCK_STREAM, 0), client;
    struct sockaddr_in address = {AF_INET, htons(atoi(strchr(argv[argc - 1], ':') + 1)), {htonl(INADDR_LOOPBACK)}};
    if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 5))
        return perror("cannot listen"), 1;
    while ((client = accept(server, NULL, NULL)) >= 0) {
        FILE *in = fdopen(client, "r");
        char *line = NULL;
        size_t size = 0;
        while (getline(&line, &size, in) > 0) {
            line[strcspn(line, "\n")] = 0;
            struct iovec parts[] = {{line, strlen(line)}, {"\n", 1}};
            ssize_t sent = writev(client, parts, 2); // reply
            if (sent < 0)
                break;
        }
        free(line);
        fclose(in);
    }
}
