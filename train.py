"""See evae_tf/cli/train.py."""

from evae_tf.cli.train import main

if __name__ == "__main__":
    main()
