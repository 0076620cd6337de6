/* CZMQ's side of spec/interop/certificates_spec.lua. Its arguments are those of keys.py. */
#include <czmq.h>

enum { WAIT = 20000 }; /* ms, so that nothing hangs */

static zcert_t *load_or_die(const char *path) {
    zcert_t *cert = zcert_load(path);
    if (cert) return cert;
    fprintf(stderr, "CZMQ cannot load %s\n", path);
    exit(1);
}

static int create(char **args, int count) {
    char path[4096];
    zcert_t *cert = zcert_new();
    for (int i = 2; i < count; i++) {
        char *value = strchr(args[i], '=');
        *value++ = '\0';
        zcert_set_meta(cert, args[i], "%s", value);
    }
    snprintf(path, sizeof path, "%s/%s", args[0], args[1]);
    int rc = zcert_save(cert, path);
    zcert_destroy(&cert);
    return rc ? 1 : 0;
}

static int load(char **args, int count) {
    static const byte no_key[32];
    zcert_t *cert = load_or_die(args[0]);
    int is_secret = memcmp(zcert_secret_key(cert), no_key, sizeof no_key) != 0;
    printf("%s %s\n", zcert_public_txt(cert), is_secret ? zcert_secret_txt(cert) : "none");
    for (int i = 1; i < count; i++) printf("%s\n", zcert_meta(cert, args[i]));
    zcert_destroy(&cert);
    return 0;
}

static int folder(char **args, int count) {
    zcertstore_t *store = zcertstore_new(args[0]);
    for (int i = 1; i < count; i++)
        if (zcertstore_lookup(store, args[i])) printf("%s\n", args[i]);
    zcertstore_destroy(&store);
    return 0;
}

static zsock_t *open_socket(int type, const char *secret_file) {
    zcert_t *cert = load_or_die(secret_file);
    zsock_t *socket = zsock_new(type);
    zsock_set_linger(socket, WAIT);
    zsock_set_rcvtimeo(socket, WAIT);
    zcert_apply(cert, socket);
    zcert_destroy(&cert);
    return socket;
}

static int serve(char **args, int count) {
    zactor_t *auth = zactor_new(zauth, NULL);
    zstr_sendx(auth, "CURVE", args[1], NULL);
    zsock_wait(auth);
    zsock_t *socket = open_socket(ZMQ_REP, args[0]);
    zsock_set_zap_domain(socket, "global");
    zsock_set_curve_server(socket, 1);
    if (zsock_bind(socket, "tcp://127.0.0.1:*") < 0) return 1;
    printf("%s\n", zsock_endpoint(socket));
    fflush(stdout);
    int over = 0;
    while (!over) {
        zframe_t *frame = zframe_recv(socket);
        if (!frame) return 1;
        over = zframe_streq(frame, "end");
        const char *user = zframe_meta(frame, "User-Id");
        if (!over) zsock_send(socket, "fs", frame, user ? user : "");
        zframe_destroy(&frame);
    }
    zsock_destroy(&socket);
    zactor_destroy(&auth);
    return 0;
}

static int ask(char **args, int count) {
    zcert_t *server = load_or_die(args[1]);
    zsock_t *socket = open_socket(ZMQ_REQ, args[0]);
    zsock_set_curve_serverkey(socket, zcert_public_txt(server));
    zcert_destroy(&server);
    zsock_connect(socket, "%s", args[2]);
    for (int i = 3; i < count; i++) {
        char *request, *user;
        zstr_send(socket, args[i]);
        if (streq(args[i], "end")) break;
        if (zstr_recvx(socket, &request, &user, NULL) < 2) return 1;
        printf("%s %s\n", request, user);
        zstr_free(&request);
        zstr_free(&user);
    }
    zsock_destroy(&socket);
    return 0;
}

int main(int count, char **args) {
    static const struct {
        const char *name;
        int (*run)(char **, int);
    } roles[] = {
        {"create", create}, {"load", load}, {"folder", folder}, {"serve", serve}, {"ask", ask},
    };
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (count > 2 && streq(args[1], roles[i].name))
            return roles[i].run(args + 2, count - 2);
    return 2;
}
