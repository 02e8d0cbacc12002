"""Pages for people who open a link in a browser: rendered here, without scripts, with nothing from elsewhere.

Belongs here: templates, their style, sessions of browsers, and thin handlers over the use cases. Not here: what may be
done; that is `hub`'s. Values from outside reach a template as text, never as markup.
"""
