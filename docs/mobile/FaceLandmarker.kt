import android.content.Context
import android.graphics.Bitmap
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONArray
import org.json.JSONObject
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter

/** `score` is the model's `presence`, null if the file has none. */
class Face(val square: Square, val landmarks: List<Point>,
           val covariance: Array<Array<FloatArray>>?, val visibility: FloatArray?,
           val score: Float?, val detectionScore: Float? = null) {
    fun scored(score: Float?, detectionScore: Float?) =
        Face(square, landmarks, covariance, visibility, score, detectionScore)
}

/** Not thread-safe: use it from one thread, that of the analyzer. */
class FaceLandmarker(context: Context, modelAsset: String) : AutoCloseable {
    private val sidecar = JSONObject(
        context.assets.open(modelAsset.removeSuffix(".tflite") + ".json")
            .use { String(it.readBytes()) })
    private val size = sidecar.getInt("input_size")
    private val margin = sidecar.getDouble("crop_margin")
    private val faceBox = sidecar.optJSONArray("face_box")
        ?.run { FaceBox(getDouble(0), getDouble(1), getDouble(2)) } ?: TIGHT_BOX
    private val outputs = sidecar.getJSONArray("outputs").run { List(length()) { getString(it) } }
    private val markup = sidecar.getJSONObject("markup")
    private val points = markup.getJSONArray("points").run { List(length()) { getString(it) } }
    private val eyes = markup.getJSONObject("normalizers")
        .run { optJSONArray("inter_pupil") ?: optJSONArray("inter_ocular") }
        ?.run { List(2) { indices(getJSONArray(it)) } }
    private val heights = markup.optJSONObject("rigid_points")?.run {
        keys().asSequence().associate { points.indexOf(it) to getJSONArray(it).getDouble(1) }
    } ?: mapOf()  // files of before have none
    private val interpreter = Interpreter(
        context.assets.open(modelAsset).use { it.readBytes() }
            .let { bytes -> nativeBuffer(bytes.size).apply { put(bytes); rewind() } },
        Interpreter.Options().apply { setNumThreads(2); setUseXNNPACK(true) })
    private val asBytes =
        interpreter.getInputTensorFromSignature(INPUT, SIGNATURE).dataType() == DataType.UINT8
    private val input = nativeBuffer(size * size * 3 * (if (asBytes) 1 else 4))

    override fun close() = interpreter.close()

    /** Two passes, from a find of `FaceDetector`; see `isFace`. */
    fun detect(image: Pixels, find: Find): Face {
        val (square, side) = find.square to find.square.side * (1 + margin)
        return detect(image, Square(square.x, square.y, side, square.angle), find.score)
    }

    /** Two passes, from the box of another detector and its score, 0 to 1. */
    fun detect(image: Pixels, box: Box, detectionScore: Float? = null): Face =
        detect(image, squareAround(box, margin), detectionScore)

    private fun detect(image: Pixels, square: Square, detectionScore: Float?): Face {
        val first = predict(image, square)
        val second = follow(image, first.landmarks)
        val turned = second.square.angle - square.angle
        val score = first.score?.let { scoreOf(it, second.score!!, turned) }
        return second.scored(score, detectionScore)
    }

    /** One pass, around the landmarks of the frame before. */
    fun follow(image: Pixels, landmarks: List<Point>): Face =
        predict(image, uprightSquare(landmarks, eyes, heights, margin, faceBox))

    fun predict(image: Pixels, square: Square): Face {
        input.rewind()
        for (value in crop(image, square, size)) {
            if (asBytes) input.put(value.toByte()) else input.putFloat(value / 255f)
        }
        input.rewind()
        val landmarks = Array(1) { Array(points.size) { FloatArray(2) } }
        val covariance = Array(1) { Array(points.size) { Array(2) { FloatArray(2) } } }
        val visibility = Array(1) { FloatArray(points.size) }
        val presence = FloatArray(1)
        val results = mapOf<String, Any>(
            "landmarks" to landmarks, "covariance" to covariance, "visibility" to visibility,
            "presence" to presence
        ).filterKeys { it in outputs }
        interpreter.runSignature(mapOf<String, Any>(INPUT to input), results, SIGNATURE)
        return Face(
            square, landmarks[0].map { mapBack(it, square) },
            covariance[0].takeIf { "covariance" in outputs },
            visibility[0].takeIf { "visibility" in outputs },
            presence[0].takeIf { "presence" in outputs })
    }

    private fun indices(group: JSONArray) = List(group.length()) { group.getInt(it) }

    private fun nativeBuffer(bytes: Int) =
        ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

    companion object { const val SIGNATURE = "serving_default"; const val INPUT = "images" }
}

/** A photo; copy a bitmap of `Config.HARDWARE` to ARGB_8888 first. */
fun pixelsOf(bitmap: Bitmap): Pixels = IntArray(bitmap.width * bitmap.height).let { argb ->
    bitmap.getPixels(argb, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    Pixels(bitmap.width, bitmap.height, argb)
}

/** A camera frame in RGBA_8888, turned upright. */
fun turnedFrame(frame: ImageProxy): Pixels {
    val plane = frame.planes[0]
    val bytes = plane.buffer
    return turned(frame.width, frame.height, frame.imageInfo.rotationDegrees) { x, y ->
        val at = y * plane.rowStride + x * plane.pixelStride  // rows may be padded
        (255 shl 24) or ((bytes.get(at).toInt() and 255) shl 16) or
            ((bytes.get(at + 1).toInt() and 255) shl 8) or (bytes.get(at + 2).toInt() and 255)
    }
}

class FaceAnalyzer(private val landmarker: FaceLandmarker, private val detector: FaceDetector,
                   private val onFaces: (List<Face>) -> Unit) : ImageAnalysis.Analyzer {
    private var faces = listOf<Face>()
    private var frames = 0

    private fun isSeen(face: Face) = isFace(face.score, face.detectionScore)

    override fun analyze(image: ImageProxy) {
        val pixels = image.use { turnedFrame(it) }  // closed, or no further frame comes
        val followed = if (frames++ % 10 == 0) listOf()
            else faces.map { landmarker.follow(pixels, it.landmarks) }.filter(::isSeen)
        val isLost = followed.isEmpty() || followed.size < faces.size
        faces = if (!isLost) followed
            else detector.detect(pixels).map { landmarker.detect(pixels, it) }.filter(::isSeen)
        onFaces(faces)
    }
}
