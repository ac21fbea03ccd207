// Tomcat with a servlet for /admin, one for /api/admin and one for the rest: java Tomcat.java PORT DIRECTORY
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.apache.catalina.startup.Tomcat;

class Main {
    public static void main(String[] arguments) throws Exception {
        var tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[1]);
        tomcat.setPort(Integer.parseInt(arguments[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("relaxedPathChars", "\"<>[\\]^`{|}");
        tomcat.getConnector().setEncodedSolidusHandling("decode");
        tomcat.getConnector().setAllowBackslash(true);
        var context = tomcat.addContext("", arguments[1]);
        Tomcat.addServlet(context, "admin", new FixedText("ADMIN"));
        context.addServletMappingDecoded("/admin/*", "admin");
        context.addServletMappingDecoded("/api/admin/*", "admin");
        Tomcat.addServlet(context, "rest", new FixedText("PUBLIC"));
        context.addServletMappingDecoded("/*", "rest");
        tomcat.start();
        tomcat.getServer().await();
    }
}

class FixedText extends HttpServlet {
    private final String text;

    FixedText(String text) {
        this.text = text;
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.getWriter().println(text);
    }
}
