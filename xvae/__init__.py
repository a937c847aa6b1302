"""Semi-supervised learning of disentangled representations for cross-modal translation, for modalities of your own"""
__version__ = "0.1.0"

from .gaussians import Bernoulli, Categorical, Gaussian
from .losses import Weights
from .models import CrossModalVAE, SourceVAE, TargetVAE
from .networks import ConvDecoder, ResNetEncoder, mlp
from .training import Batch, Best, loader_pairs, loader_targets, target_steps, tensor_pairs, tensor_targets, train, validated

__all__ = ["CrossModalVAE", "SourceVAE", "TargetVAE", "Weights", "Gaussian", "Bernoulli", "Categorical", "ResNetEncoder", "ConvDecoder", "mlp",
           "train", "target_steps", "Batch", "tensor_pairs", "tensor_targets", "loader_pairs", "loader_targets", "validated", "Best"]
