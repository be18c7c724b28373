// Two calls of write. Nothing calls close.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
            write(client, line, strlen(line)); // reply
            write(client, "\n", 1);            // reply
        }
    }
}
