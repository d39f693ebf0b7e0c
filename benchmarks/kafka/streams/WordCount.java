import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/**
 * Counts words from a topic to another: WordCount BROKERS FROM TO GUARANTEE COMMIT_MS CACHE_BYTES
 * DIRECTORY SOON. Prints ten times a second since when, in ms, it has counted how many words, until
 * it is killed. Its counts are kept in memory, which is faster than its default. Without a cache
 * each word is told of at once; SOON (true or false): nothing waits for more to come.
 */
public class WordCount {
  public static void main(String[] a) throws Exception {
    final Properties p = new Properties();
    p.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-" + a[2]);
    p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, a[0]);
    p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "2");
    p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, a[3]);
    p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, a[4]);
    p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, a[5]);
    p.put(StreamsConfig.STATE_DIR_CONFIG, a[6]);
    p.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    // The benchmark stops the process for a while.
    p.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), "600000");
    if (Boolean.parseBoolean(a[7])) {
      p.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), "1");
      p.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG), "5");
    }
    final LongAdder counted = new LongAdder();
    final StreamsBuilder builder = new StreamsBuilder();
    builder.stream(a[1], Consumed.with(Serdes.ByteArray(), Serdes.String()))
        .flatMapValues(line -> Arrays.asList(line.split(" ")))
        .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
        .aggregate(
            () -> 0L,
            (word, value, count) -> {
              counted.increment();
              return count + 1;
            },
            Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.Long()))
        .toStream()
        .to(a[2], Produced.with(Serdes.String(), Serdes.Long()));
    final KafkaStreams streams = new KafkaStreams(builder.build(), p);
    streams.setUncaughtExceptionHandler(
        failure -> {
          System.err.println("Kafka Streams: " + failure);
          Runtime.getRuntime().halt(1);
          return null;
        });
    final long begin = System.nanoTime();
    streams.start();
    for (;;) {
      Thread.sleep(100);
      System.out.println((System.nanoTime() - begin) / 1_000_000 + " " + counted.sum());
    }
  }
}
