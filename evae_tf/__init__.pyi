from .align.aligned_face import AlignedFace as AlignedFace
from .align.aligner import Aligner as Aligner
from .align.detections import Detections as Detections
from .align.face_tracker import FaceTracker as FaceTracker
from .artifacts.keras_file import load_model as load_model
from .artifacts.keras_file import load_pretrained as load_pretrained
from .artifacts.predictors import open_model as open_model
from .artifacts.pretrained import pretrained_names as pretrained_names
from .config import Augmentation as Augmentation
from .config import Config as Config
from .data.datasets import read_faces as read_faces
from .data.face import Face as Face
from .data.face import make_face as make_face
from .data.splits import read_training_faces as read_training_faces
from .errors import InputError as InputError
from .evaluation.evaluate import evaluate as evaluate
from .exporting.export import export_model as export_model
from .head_pose import HeadPose as HeadPose
from .markups import MARKUPS as MARKUPS
from .markups import Markup as Markup
from .presets import PRESETS as PRESETS
from .training.objective import LandmarkTrainer as LandmarkTrainer
from .training.objective import Objective as Objective
from .training.objective import Term as Term
from .training.train import Training as Training
from .training.train import train as train

__version__: str
