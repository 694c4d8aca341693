import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The job in Kafka Streams: one processor and one store with its changelog, at least or exactly once.
 *
 * <p>The processor API, since the DSL would send every reading through a repartition topic to key it by patient
 * and vital. The store is in memory and cached, the fastest that Kafka Streams offers: its changelog gets what is
 * latest at each commit.
 */
public final class Job {
    static final long WINDOW = 60_000, LATENESS = 10_000;
    static final ObjectMapper JSON = new ObjectMapper();

    static final class Series {
        final TreeMap<Long, double[]> open = new TreeMap<>(); // start: count, sum, min, max
        long newest, readings;
        double mean, variance;

        byte[] bytes() {
            ByteBuffer out = ByteBuffer.allocate(32 + 40 * open.size());
            out.putLong(newest).putLong(readings).putDouble(mean).putDouble(variance);
            for (Map.Entry<Long, double[]> window : open.entrySet()) {
                out.putLong(window.getKey());
                for (double x : window.getValue()) out.putDouble(x);
            }
            return out.array();
        }

        static Series of(byte[] bytes) {
            ByteBuffer in = ByteBuffer.wrap(bytes);
            Series s = new Series();
            s.newest = in.getLong();
            s.readings = in.getLong();
            s.mean = in.getDouble();
            s.variance = in.getDouble();
            while (in.hasRemaining()) {
                s.open.put(in.getLong(), new double[] {in.getDouble(), in.getDouble(), in.getDouble(), in.getDouble()});
            }
            return s;
        }
    }

    static final class Watch implements Processor<String, byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> store;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            this.store = context.getStateStore("series");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            JsonNode reading;
            try {
                reading = JSON.readTree(record.value());
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
            String vital = reading.get("vital").textValue();
            double x = reading.get("value").doubleValue();
            long at = record.timestamp();
            String key = record.key() + "/" + vital;
            byte[] kept = store.get(key);
            Series s = kept == null ? new Series() : Series.of(kept);
            if (kept == null) s.mean = x;

            double step = x - s.mean;
            double z = s.variance > 0 ? step / Math.sqrt(s.variance) : 0.0;
            if (s.readings >= 30 && Math.abs(z) > 4) {
                send(record, "alerts", Map.of("patient", record.key(), "vital", vital, "at", at, "value", x, "z", z));
            }
            double[] window = s.open.computeIfAbsent(at / WINDOW * WINDOW, start -> new double[] {0, 0, x, x});
            window[0] += 1;
            window[1] += x;
            window[2] = Math.min(window[2], x);
            window[3] = Math.max(window[3], x);
            s.newest = Math.max(s.newest, at);
            while (!s.open.isEmpty() && s.newest >= s.open.firstKey() + WINDOW + LATENESS) {
                Map.Entry<Long, double[]> closed = s.open.pollFirstEntry();
                double[] w = closed.getValue();
                send(record, "windows", Map.of("patient", record.key(), "vital", vital, "start", closed.getKey(),
                        "count", (long) w[0], "mean", w[1] / w[0], "min", w[2], "max", w[3]));
            }
            s.readings += 1;
            s.mean += 0.02 * step;
            s.variance += 0.02 * (step * step - s.variance);
            store.put(key, s.bytes());
        }

        private void send(Record<String, byte[]> record, String sink, Map<String, Object> body) {
            try {
                context.forward(record.withValue(JSON.writeValueAsBytes(body)), sink);
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
        }
    }

    public static void main(String[] arguments) {
        Map<String, String> environment = System.getenv();
        String prefix = environment.get("PREFIX");
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "-job");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, environment.get("BROKER"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, environment.get("FOLDER"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
                environment.getOrDefault("GUARANTEE", StreamsConfig.AT_LEAST_ONCE));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1); // one core
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);

        Topology topology = new Topology();
        topology.addSource("readings", prefix + ".readings");
        topology.addProcessor("watch", Watch::new, "readings");
        topology.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("series"), Serdes.String(),
                Serdes.ByteArray()).withCachingEnabled(), "watch");
        topology.addSink("windows", prefix + ".windows", "watch");
        topology.addSink("alerts", prefix + ".alerts", "watch");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
