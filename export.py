"""See evae_tf/cli/export.py."""

from evae_tf.cli.export import main

if __name__ == "__main__":
    main()
