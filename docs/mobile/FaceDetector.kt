import android.content.Context
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/** Not thread-safe: use it from one thread, that of the analyzer. */
class FaceDetector(context: Context, modelAsset: String = "detector.tflite") : AutoCloseable {
    private val interpreter = Interpreter(
        context.assets.open(modelAsset).use { it.readBytes() }
            .let { bytes -> nativeBuffer(bytes.size).apply { put(bytes); rewind() } },
        Interpreter.Options().apply { setNumThreads(2); setUseXNNPACK(true) })
    private val input = nativeBuffer(DETECTOR_SIZE * DETECTOR_SIZE * 3 * 4)

    override fun close() = interpreter.close()

    /** The faces of an image, the likeliest first: for `FaceLandmarker.detect`. */
    fun detect(image: Pixels, minScore: Float = 0.5f): List<Find> {
        val whole = wholeOf(image)
        input.rewind()
        for (value in crop(image, whole, DETECTOR_SIZE)) input.putFloat(value / 255f)
        input.rewind()
        val cells = DETECTOR_SIZE / 4
        val centres = Array(1) { Array(cells) { Array(cells) { FloatArray(1) } } }
        val geometry = Array(1) { Array(cells) { Array(cells) { FloatArray(13) } } }
        interpreter.runSignature(
            mapOf<String, Any>("images" to input),
            mapOf<String, Any>("centres" to centres, "geometry" to geometry), "serving_default")
        val likely = Array(cells) { row -> FloatArray(cells) { centres[0][row][it][0] } }
        return finds(likely, geometry[0], minScore)
            .map { Find(it.score, squareInImage(it.square, whole)) }
    }

    private fun nativeBuffer(bytes: Int) =
        ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())
}
