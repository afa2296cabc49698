# modules/README.md shows how a domain is added.  This does it: a copy of the
# tree gets the files of t/example and nothing else, is built, and runs the
# example's own test.

use strict;
use warnings;

use Cwd ();
use File::Temp ();
use Test::More;

my $top = Cwd::getcwd();
my $copy = File::Temp::tempdir('carmen-example-XXXXXX', DIR => '/tmp',
    CLEANUP => 1);
chmod 0755, $copy;

system("git ls-files -z --cached --others --exclude-standard "
    . "| xargs -0 tar cf - --ignore-failed-read 2>/dev/null "
    . "| tar xf - -C $copy") == 0
    or BAIL_OUT('the tree cannot be copied');

system("cp -r $top/t/example/modules/notes $copy/modules/") == 0
    && system("cp -r $top/t/example/sql/notes $copy/sql/") == 0
    && system("cp $top/t/example/t/notes.t $copy/t/") == 0
    or BAIL_OUT('the example cannot be copied');

my $kind = $ENV{CARMEN_BUILD} || 'release';
my $out = `cd $copy && packaging/build $kind 2>&1`;
is($?, 0, 'it builds') or BAIL_OUT($out);
like($out, qr/ngx_http_carmen_notes_module\.so/, 'with a module more');

$out = `cd $copy && prove -v -I t/lib t/notes.t 2>&1`;
is($?, 0, 'its test passes') or diag($out);

# what the page shows is what was built

my $page = slurp("$top/modules/README.md");

for my $file (qw(modules/notes/ngx_http_carmen_notes_module.c
    sql/notes/statements/notes_get.sql sql/notes/statements/notes_list.sql
    sql/notes/statements/notes_create.sql))
{
    my $text = slurp("$top/t/example/$file");
    $text =~ s/^\s+|\s+$//g;
    $text =~ s/^(?=.)/    /mg;
    ok(index($page, $text) >= 0, "the page shows $file as it is");
}

done_testing;


sub slurp
{
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return <$file>;
}
