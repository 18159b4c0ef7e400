// An echo peer with java.net.http.HttpClient, a client only: ../peers.ts tells what every peer does.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

final class JavaHttpClient {
    // By default a client offers HTTP/2 to each http: address, with "Upgrade: h2c".
    private static final HttpClient client = HttpClient.newHttpClient();

    private static void say(Object... words) {
        System.out.println(String.join(" ", Arrays.stream(words).map(Object::toString).toList()));
        System.out.flush();
    }

    private static final class Echo implements WebSocket.Listener {
        private final String path;
        private final StringBuilder text = new StringBuilder();
        private final java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();

        Echo(String path) {
            this.path = path;
        }

        @Override
        public void onOpen(WebSocket ws) {
            say("opened", path, ws.getSubprotocol().isEmpty() ? "-" : ws.getSubprotocol());
            ws.request(1);
        }

        @Override
        public CompletionStage<?> onText(WebSocket ws, CharSequence part, boolean isLast) {
            text.append(part);
            CompletableFuture<?> sent = CompletableFuture.completedFuture(null);
            if (isLast) {
                String message = text.toString();
                text.setLength(0);
                sent = obey(ws, message);
            }
            return sent.thenRun(() -> ws.request(1));
        }

        @Override
        public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer part, boolean isLast) {
            byte[] copy = new byte[part.remaining()];
            part.get(copy);
            bytes.writeBytes(copy);
            CompletableFuture<?> sent = CompletableFuture.completedFuture(null);
            if (isLast) {
                sent = ws.sendBinary(ByteBuffer.wrap(bytes.toByteArray()), true);
                bytes.reset();
            }
            return sent.thenRun(() -> ws.request(1));
        }

        // The class answers a close frame by itself, with the same code.
        @Override
        public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
            say("closed", path, code, reason.isEmpty() ? "-" : reason);
            return null;
        }

        @Override
        public void onError(WebSocket ws, Throwable error) {
            say("failed", path, error);
        }

        private static CompletableFuture<?> obey(WebSocket ws, String message) {
            String[] words = message.split(" ", 3);
            return switch (words[0]) {
                case "!ping" -> ws.sendPing(ByteBuffer.wrap("from the peer".getBytes(StandardCharsets.UTF_8)));
                case "!fragments" -> ws.sendText("one ".repeat(1000), false)
                        .thenCompose(same -> same.sendText("two ".repeat(1000), false))
                        .thenCompose(same -> same.sendText("three ".repeat(1000), true));
                case "!close" -> ws.sendClose(Integer.parseInt(words[1]), words[2]);
                default -> ws.sendText(message, true);
            };
        }
    }

    private static void connect(String url, String protocols, String origin) {
        URI target = URI.create(url);
        WebSocket.Builder builder = client.newWebSocketBuilder();
        if (!protocols.equals("-")) {
            String[] names = protocols.split(",");
            builder.subprotocols(names[0], Arrays.copyOfRange(names, 1, names.length));
        }
        if (!origin.equals("-")) builder.header("Origin", origin);
        builder.buildAsync(target, new Echo(target.getPath())).exceptionally(thrown -> {
            if (thrown.getCause() instanceof WebSocketHandshakeException refused) {
                say("refused", target.getPath(), refused.getResponse().statusCode());
            } else {
                say("failed", target.getPath(), thrown);
            }
            return null;
        });
    }

    /** Sends a plain HTTP request, and prints status and body of the answer. */
    private static void request(String method, String url, int bodyBytes) {
        HttpRequest.BodyPublisher body = bodyBytes == 0
                ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.ofByteArray(new byte[bodyBytes]);
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).method(method, body).build();
        client.sendAsync(request, HttpResponse.BodyHandlers.ofString()).whenComplete((answer, thrown) -> {
            String result = thrown != null ? thrown.toString() : answer.statusCode() + " " + answer.body().strip();
            say("answered", method, url, result);
        });
    }

    public static void main(String[] args) throws Exception {
        say("ready");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            if (words[0].startsWith("ws:")) connect(words[0], words[1], words[2]);
            else request(words[0], words[1], Integer.parseInt(words[2]));
        }
        System.exit(0);
    }
}
