# Varnish as it is: what the origin says is cached is cached. -s malloc, its log in shared memory masked.
vcl 4.1;

backend origin {
    .host = "127.0.0.1";
    .port = "@ORIGIN@";
}
