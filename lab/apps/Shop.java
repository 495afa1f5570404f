import java.io.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.logging.*;
import javax.net.ssl.*;

/** The warehouse service. The first argument names the bug or the work that it does. */
public class Shop {
    static final Logger LOG = Logger.getLogger("shop.Warehouse");

    static class StockException extends RuntimeException {
        StockException(String message, Throwable cause) { super(message, cause); }
    }

    static class Category { String name; Category parent; Category(String name) { this.name = name; } }

    static int depth(Category category) { return category == null ? 0 : 1 + depth(category.parent); }

    static String ship(Map<String, String> order) { return order.get("address").trim(); }

    static void heap() {
        List<byte[]> pictures = new ArrayList<>();
        while (true) { pictures.add(new byte[1 << 20]); LOG.info("picture " + pictures.size() + " loaded into the cache"); }
    }

    static void threads() throws Exception {
        for (int number = 0; ; number++) {
            Thread thread = new Thread(() -> { try { Thread.sleep(60000); } catch (InterruptedException stop) { } }, "upload-" + number);
            thread.setDaemon(true);
            thread.start();
            if (number % 50 == 0) LOG.info("upload " + number + " accepted");
        }
    }

    static void metaspace() throws Exception {
        byte[] code;
        try (InputStream in = Shop.class.getResourceAsStream("Shop$StockException.class")) { code = in.readAllBytes(); }
        List<Object> kept = new ArrayList<>();
        for (int number = 0; ; number++) {
            final byte[] bytes = code;
            ClassLoader loader = new ClassLoader(null) {
                protected Class<?> findClass(String name) throws ClassNotFoundException {
                    if (name.equals("Shop$StockException")) return defineClass(name, bytes, 0, bytes.length);
                    throw new ClassNotFoundException(name);
                }
            };
            kept.add(loader.loadClass("Shop$StockException"));
            if (number % 1000 == 0) LOG.info("plug-in " + number + " loaded");
        }
    }

    static void deadlock() throws Exception {
        Object stock = new Object(), bill = new Object();
        CountDownLatch both = new CountDownLatch(2);
        Thread first = new Thread(() -> hold(stock, bill, both), "order-1"), second = new Thread(() -> hold(bill, stock, both), "order-2");
        first.setDaemon(true); second.setDaemon(true);
        first.start(); second.start();
        for (int number = 0; number < 4; number++) { Thread.sleep(700); LOG.info("waiting orders: 2"); }
    }

    static void hold(Object one, Object two, CountDownLatch both) {
        synchronized (one) {
            both.countDown();
            try { both.await(); } catch (InterruptedException stop) { return; }
            synchronized (two) { LOG.info("never"); }
        }
    }

    static void call(String url) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setConnectTimeout(2000);
        connection.setReadTimeout(2000);
        try (BufferedReader in = new BufferedReader(new InputStreamReader(connection.getInputStream()))) {
            String line = in.readLine();
            LOG.info("rates received: " + line.length() + " characters");
        }
    }

    static void attempt(int number, Callable<Object> work) {
        try { work.call(); LOG.info("order " + number + " packed"); }
        catch (Exception | StackOverflowError failure) { LOG.log(Level.SEVERE, "order " + number + " could not be packed", new StockException("packing failed", failure)); }
    }

    public static void main(String[] words) throws Exception {
        System.setProperty("java.util.logging.SimpleFormatter.format", "%1$tF %1$tT.%1$tL %4$s [main] %3$s - %5$s%6$s%n");
        LOG.info("warehouse starts on Java " + System.getProperty("java.version"));
        String mode = words[0];
        int rounds = words.length > 1 ? Integer.parseInt(words[1]) : 6;
        if (mode.equals("heap")) heap();
        if (mode.equals("threads")) threads();
        if (mode.equals("metaspace")) metaspace();
        if (mode.equals("deadlock")) { deadlock(); return; }
        if (mode.equals("port")) { new ServerSocket(8080, 5, InetAddress.getByName("10.0.1.43")); LOG.info("listens on 8080"); Thread.sleep(500); return; }
        if (mode.equals("pool")) {
            ThreadPoolExecutor pool = new ThreadPoolExecutor(2, 2, 1, TimeUnit.SECONDS, new ArrayBlockingQueue<>(2));
            for (int number = 0; number < rounds; number++) attempt(number, () -> pool.submit(() -> { Thread.sleep(800); return 1; }));
            pool.shutdownNow();
            return;
        }
        for (int number = 0; number < rounds; number++) {
            final int n = number;
            attempt(number, () -> switch (mode) {
                case "null" -> ship(new HashMap<>(Map.of("id", "7")));
                case "recursion" -> { Category a = new Category("a"), b = new Category("b"); a.parent = b; b.parent = a; yield depth(a); }
                case "cast" -> { Object price = "12.50"; yield (Integer) price; }
                case "call" -> { call(words[2]); yield 1; }
                case "file" -> new FileReader("/etc/shop/prices.csv").read();
                case "parse" -> Integer.parseInt("12,50");
                case "modify" -> { List<Integer> all = new ArrayList<>(List.of(1, 2, 3)); for (Integer each : all) all.remove(each); yield all; }
                default -> n;
            });
            Thread.sleep(60);
        }
    }
}
